"""From a question and evidence to an answer, by rules alone.

Nothing here sees a pixel and nothing is invented: a value in an answer was read in a picture,
word for word, or the answer says that it is not there. `reply.reply` is the whole story.
"""
