"""Everything around the service: virtualenvs, the local AWS, the template, packaging, deploying, the demo."""
