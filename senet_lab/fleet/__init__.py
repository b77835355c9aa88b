"""Many runs on one machine, one run on several devices, and workers in a cluster's queue."""
