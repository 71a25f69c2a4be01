"""The engines that draw from the posterior of the Beta parameters."""
