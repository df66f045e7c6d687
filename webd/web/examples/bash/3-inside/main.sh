echo "I am $(id -un), in $PWD"
echo "Files here: $(ls)"
echo "Processors: $(nproc)"
echo "Home directories: $(ls /home 2>&1 | head -1)"
ulimit -a | head -12
