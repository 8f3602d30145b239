"""The record of a run, and tables, figures and pages made from it."""

from tfdcu.report.diagnosis import format_diagnosis
from tfdcu.report.figures import accuracy_figure
from tfdcu.report.figures import relative_figure
from tfdcu.report.front import front_figure
from tfdcu.report.front import front_table
from tfdcu.report.page import render
from tfdcu.report.progress import Progress
from tfdcu.report.progress import ProgressBar
from tfdcu.report.recommend import recommend
from tfdcu.report.record import Row
from tfdcu.report.record import read_report
from tfdcu.report.record import write_report
from tfdcu.report.samples import samples_figure
from tfdcu.report.sensitivity_figure import sensitivity_figure
from tfdcu.report.summary import headline
from tfdcu.report.table import markdown_table
from tfdcu.report.table import table
from tfdcu.report.training_figure import training_figure
