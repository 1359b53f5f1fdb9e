"""`python -m tests.chaos.on_nodes ARGUMENTS`: the command `upsweep` on a cluster whose nodes are processes of this machine.

A head without cores, two nodes, and a third that is there beforehand to take a lost one's place. Each has the cores of
the whole machine, so that a retrain computes with as many threads as without the cluster.
"""

import logging
import os

import ray
from ray.cluster_utils import Cluster

from tuning import ray_inside
from tuning.cli import main
from tuning.nodes import this_machine
from tuning.token import MODE, TOKEN, new_token

NODES = 3

if __name__ == "__main__":
    os.environ |= {MODE: "token", TOKEN: new_token()}
    ray_inside.reread_environment()
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(NODES):
        nodes.add_node(num_cpus=this_machine().cpus, num_gpus=0)
    ray.init(address=nodes.address, log_to_driver=False, logging_level=logging.ERROR)
    try:
        main()
    finally:
        ray.shutdown()
        nodes.shutdown()
