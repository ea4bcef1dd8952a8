"""The nights of a demo: files arrive, some with errors, and are reconciled until no break is open."""
