//! Pure decisions of webhook-operator.
