"""The thin shell: it loads, calls the core, and stores."""
