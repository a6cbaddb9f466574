"""Rows of configurations that several tests share; `{name}` stands for a server's port."""

from collections.abc import Mapping

AZURE = """
[[providers]]
name = "azure"
dialect = "openai"
base_url = "http://127.0.0.1:{azure}"
api_key_env = "SCRIPTED_KEY"
api_key_header = "api-key"
[providers.options]
path = "/openai/deployments/{model}/chat/completions"
query = { api-version = "2024-10-21" }
"""
VLLM = """
[[providers]]
name = "vllm"
dialect = "openai"
base_url = "http://127.0.0.1:{vllm}/v1"
api_key_env = "SCRIPTED_KEY"
options = { media_uuid = true }
"""
GEMINI = """
[[providers]]
name = "gemini"
dialect = "gemini"
base_url = "http://127.0.0.1:{gemini}/v1beta"
api_key_env = "GEMINI_KEY"
api_key_header = "x-goog-api-key"
"""
TWO_HOUSES = """
[[providers]]
name = "berlin"
dialect = "openai"
base_url = "http://127.0.0.1:{port}/berlin/v1"
region = "eu-de"
country = "DE"
[[providers]]
name = "paris"
dialect = "openai"
base_url = "http://127.0.0.1:{port}/paris/v1"
region = "eu-fr"
country = "FR"
[[models]]
id = "one"
provider = "berlin"
upstream_id = "plan"
input_modalities = ["text", "image"]
"""
"""The same server under two names, and a model at the first alone."""
TWO = """
[[models]]
id = "two"
input_modalities = ["text", "image"]
[[models.deployments]]
provider = "berlin"
upstream_id = "plan"
[[models.deployments]]
provider = "paris"
upstream_id = "plan"
"""
"""A model in both of `TWO_HOUSES`."""


def at_ports(rows: str, ports: Mapping[str, int]) -> str:
    """The rows with every server's port in its place."""
    for name, port in ports.items():
        rows = rows.replace(f"{{{name}}}", str(port))
    return rows
