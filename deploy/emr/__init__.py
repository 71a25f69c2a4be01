"""Definitions for EMR on EC2 and EMR Serverless, filled in from a profile and a deployment file."""
