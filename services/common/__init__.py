"""What every service needs and no service owns: settings, web edge, database, events, telemetry.

Nothing here knows a word of the shop's business.
"""
