"""Settings, engines, the consumer loop, and one file per process that can be started."""
