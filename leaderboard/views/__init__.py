"""The pages, a module each with `show(view)`. Widgets only: what they show comes from one level up."""
