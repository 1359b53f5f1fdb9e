"""A thousand toy trials through the driver's own callbacks, beside plain Ray Tune."""
