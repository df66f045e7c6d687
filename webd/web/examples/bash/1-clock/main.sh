for left in 3 2 1; do
    printf '\rLiftoff in %s … ' "$left"
    sleep 0.7
done
printf '\rLiftoff!        \n'
