"""What Keras 1 programs still use: old keywords (`interfaces`), old layers (`layers`), old models (`models`)."""
