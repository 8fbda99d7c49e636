"""``alignment-monitor judge audit``: running one, and showing its card on paper and screen."""
