"""Every port, kept in memory: what use-case tests run on, held to the same contract tests as the real adapters."""
