"""The program of the download pod: brings a model's files onto a volume, verified."""
