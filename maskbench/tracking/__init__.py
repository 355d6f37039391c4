"""The tracking store: MLflow is spoken here and nowhere else, and imported only when a store is opened."""
