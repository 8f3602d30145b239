"""The common style of all figures."""

import io

# The colorblind-safe palette of Okabe and Ito. Lines also differ in marker or
# dash, for grayscale prints.
BLACK = "#333333"
BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
VERMILION = "#D55E00"
GRAY = "#8A8A8A"

SETTINGS = {
    "axes.axisbelow": True,
    "axes.edgecolor": GRAY,
    "axes.grid": True,
    "axes.labelcolor": BLACK,
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.dpi": 160,
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "grid.color": "#E5E5E5",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "savefig.dpi": 160,
    # A class called "$x" is text, not a formula.
    "text.parse_math": False,
    "text.color": BLACK,
    "xtick.color": BLACK,
    "ytick.color": BLACK,
}


def draw(function, *args):
    """Calls a function that draws a figure, and returns PNG bytes.

    Args:
        function: `function(new_figure, *args)` makes a figure with
            `new_figure(width, height)`, in inches, draws on it and returns it,
            or returns None if there is nothing to draw.
        *args: Arguments of `function`.

    Returns:
        The bytes of a PNG file, or None. Equal input gives equal bytes.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    def new_figure(width, height):
        figure = Figure((width, height))
        FigureCanvasAgg(figure)
        return figure

    with matplotlib.rc_context(SETTINGS):
        figure = function(new_figure, *args)
        if figure is None:
            return None
        # The constrained layout needs two passes.
        figure.draw_without_rendering()
        content = io.BytesIO()
        figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


# `g` would write 5e+07.
def plain_log(axis, span, show="{:,.12g}".format):
    """Shows 30 instead of 3x10^1 on a logarithmic axis.

    Args:
        axis: `axes.xaxis` or `axes.yaxis`, set to a logarithmic scale.
        span: The highest shown value divided by the lowest.
        show: Function from a value to its text.
    """
    from matplotlib.ticker import FuncFormatter
    from matplotlib.ticker import LogLocator
    from matplotlib.ticker import NullLocator

    subs = (1, 2, 5) if span < 300 else (1,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: show(value)))
