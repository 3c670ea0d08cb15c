"""The data of a task of actions: videos or drawn recordings to clips of equally many frames at one frame rate."""
