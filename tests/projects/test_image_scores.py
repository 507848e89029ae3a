"""The confusion matrix of an image project, as a picture and as a table."""

from xml.etree import ElementTree

import numpy as np

from shared.training.confusion_matrix import picture
from shared.training.scores import confusion, table


def test_the_picture_and_the_table_show_the_counts():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    counts = confusion(probabilities, np.array([0, 0, 1]))
    assert counts.tolist() == [[1, 1], [0, 1]]
    texts = [
        node.text
        for node in ElementTree.fromstring(picture(counts, ["a < b", "c"], "title")).iter()
        if node.text
    ]
    assert texts.count("1") == 3 and "a < b" in texts and "0" not in texts
    assert "a < b       2    0.50       1.00" in table(counts, ["a < b", "c"])
