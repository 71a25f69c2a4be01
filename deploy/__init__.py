"""How the suite is run on EMR, on Databricks and as a service."""
