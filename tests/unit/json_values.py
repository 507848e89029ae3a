"""Any JSON value, as hypothesis makes them for the tests of requests."""

from hypothesis import strategies as st

SHORT = st.text(max_size=5)


def json_values(*samples, keys=SHORT, most_keys=3):
    """Return a strategy for small JSON values, nested ones and NaN among them.

    samples: further values, likely to break what is tested; keys: a strategy for those of objects;
    most_keys: of one object.
    """
    return st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.sampled_from(samples),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=most_keys)
        ),
        max_leaves=6,
    )
