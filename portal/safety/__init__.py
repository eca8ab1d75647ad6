"""Safety: what people in danger write must be seen."""
