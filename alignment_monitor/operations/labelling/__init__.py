"""Human labels as commands use them: what is to be labelled next, out as files, and back in.

Here belong: drawing the queue (queue), files for people (files), where labelling stands (given),
and rates from labels (estimate).
Here does not belong: which messages are drawn (sampling.gold), the forms of files (sources.gold,
sources.label_table) or how labels are kept (store.labels). What the simulated judge knows is in
``operations.labels``.
"""
