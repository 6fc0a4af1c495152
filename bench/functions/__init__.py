"""What people write without us: sources that the benchmark deploys, or imports in processes of their own."""
