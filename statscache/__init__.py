"""Statistics of a fedmsg message bus, kept exactly and served over REST."""
