"""The shared contract: custom resources, conditions, reasons. No I/O."""
