"""The documents at the border: snapshot, plan, decisions, journal. The only place that knows the
values library.
"""
