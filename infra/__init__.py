"""Everything around the service. Nothing here is deployed.

template/   the CloudFormation that Chalice does not write      ship/     package, deploy, undeploy, layer, audit
local/      the local AWS, up and down                          operate/  what an operator does by hand
demo/       `make run`, `make demo-duplicates`                  paths, stages, venvs: what all of them read
"""
