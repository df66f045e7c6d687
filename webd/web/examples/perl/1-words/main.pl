use strict;
use warnings;

while (my $line = <STDIN>) {
    $line =~ s/(\w+)/reverse $1/ge;
    print $line;
}
