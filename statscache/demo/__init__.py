"""A bus to try statscache on: invented traffic in the shapes of Fedora's real one."""
