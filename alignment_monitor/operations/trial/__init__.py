"""``alignment-monitor judge try``: one conversation, one verdict, shown whole."""
