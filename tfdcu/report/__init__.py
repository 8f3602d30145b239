"""What came out of a run: one record, and all that is drawn from it."""

from tfdcu.report.curves import training_figure as training_figure
from tfdcu.report.figures import accuracy_figure as accuracy_figure
from tfdcu.report.figures import relative_figure as relative_figure
from tfdcu.report.front import front_figure as front_figure
from tfdcu.report.front import front_table as front_table
from tfdcu.report.headline import headline as headline
from tfdcu.report.page import render as render
from tfdcu.report.profile import profile as profile
from tfdcu.report.progress import Progress as Progress
from tfdcu.report.progress import ProgressBar as ProgressBar
from tfdcu.report.record import Row as Row
from tfdcu.report.record import read_report as read_report
from tfdcu.report.record import write_report as write_report
from tfdcu.report.samples import samples_figure as samples_figure
from tfdcu.report.selection import selection_in_words as selection_in_words
from tfdcu.report.sensitivity import sensitivity_figure as sensitivity_figure
from tfdcu.report.table import markdown_table as markdown_table
from tfdcu.report.table import table as table
from tfdcu.report.verdict import diagnosis_in_words as diagnosis_in_words
