"""From what was seen to verdicts: whose access is shown to be right, and how."""
