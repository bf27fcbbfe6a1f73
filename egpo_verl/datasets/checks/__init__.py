"""Is a sample sound, new, short enough, and in no benchmark?"""
