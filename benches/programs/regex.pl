# Searches and replacements in the text of inputs.py, a line at a time. Prints how often each matched.
use strict;
use warnings;

my %count;
while (my $line = <>) {
    $count{word}++ while $line =~ /\b[a-z]+(?:ing|ed|er)\b/g;
    $count{twice}++ while $line =~ /(\w)\1\w*(\w)\2/g;
    $count{address}++ while $line =~ /([\w.]+)@((?:\w+\.)+\w{2,})/g;
    $count{number}++ while $line =~ /-?\d+(?:\.\d+)?(?:e[-+]?\d+)?/gi;
    $count{either}++ if $line =~ /(?:lorem|ipsum|dolor|[aeiou]{3,}).*(?:sit|amet|\d{3})/;
    ($count{shortened} += $line =~ s/([aeiou])[aeiou]*/$1/g) ||= 0;
    $count{length} += length $line;
}
print "$_ $count{$_}\n" for sort keys %count;
