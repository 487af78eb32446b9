# Runs a small program again and again, as configure scripts do: fork, exec, the dynamic linker, exit. Prints how often it did.
count=0
while [ $count -lt "$1" ]; do
    /usr/bin/true || exit 1
    count=$((count + 1))
done
echo $count
