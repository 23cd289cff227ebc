"""The statistics that come with statscache: guests like any other."""
