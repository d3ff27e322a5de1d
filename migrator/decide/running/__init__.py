"""What to do next, from plan, journal and what is seen: apply, rehearse, cut over, retire, roll
back.
"""
