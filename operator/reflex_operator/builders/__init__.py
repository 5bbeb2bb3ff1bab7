"""Manifests from typed inputs. They return only the fields we own and look nothing up."""
