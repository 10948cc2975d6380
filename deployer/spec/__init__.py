"""Host variables as typed, frozen specs with every default decided."""
