"""The models that SGLang looks through first (SGLANG_EXTERNAL_MODEL_PACKAGE).

Without it SGLang imports its 250 model files at each start to find one class. An architecture that
is not here still loads: SGLang then imports all of them.
"""
