"""Who is answered: without sign-in this machine only, else those on the allow-list, each in a role."""
