# Sends a byte to another process, which sends the next one back, through two pipes, again and again. Prints the last one.
use strict;
use warnings;

my $rounds = shift;
pipe(my $there_from, my $there) and pipe(my $back_from, my $back) or die "no pipes: $!";
my $other = fork() // die "no process: $!";
if (!$other) {
    close $there;
    while (sysread($there_from, my $byte, 1)) {
        syswrite($back, chr((ord($byte) + 1) % 256)) or die "cannot answer: $!";
    }
    exit;
}
my $byte = chr(0);
for (1 .. $rounds) {
    syswrite($there, $byte) and sysread($back_from, $byte, 1) or die "no answer: $!";
}
close $there;
waitpid($other, 0);
print ord($byte), "\n";
