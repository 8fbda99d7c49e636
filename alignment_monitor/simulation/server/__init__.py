"""The parts of the judge server that speaks the OpenAI API, with scripted faults.

Here belong: endpoints, wire formats, faults and batches. ``simulation.judge_server`` puts them
together; what the judge knows and answers stands beside it.
"""
