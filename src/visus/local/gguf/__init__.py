"""Vision-language models in GGUF files, run through llama.cpp in processes of their own."""
