"""The charts: Plotly figures for the pages, SVG for the report. Each function returns one chart."""
