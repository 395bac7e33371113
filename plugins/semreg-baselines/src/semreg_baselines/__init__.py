"""What the papers compare with. Autoencoders, VAEs and AAEs need the core's components alone, and are recipes only."""
