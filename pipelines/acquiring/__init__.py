"""Sources become recordings in the store, under the rights a recipe accepts."""
