"""Where customers write, and the process that hosts their connections."""
